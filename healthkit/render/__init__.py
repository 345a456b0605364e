"""The manifest that fits an app's own settings, with the arithmetic beside each number."""
