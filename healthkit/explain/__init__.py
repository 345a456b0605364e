"""What a manifest's numbers will do to a pod, in words and numbers."""
