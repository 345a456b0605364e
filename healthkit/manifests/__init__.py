"""Kubernetes manifests, read as the API server reads them: defaults filled in, nonsense refused."""
