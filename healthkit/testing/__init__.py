"""A pod's life in milliseconds: the kubelet, played in virtual time against your own app."""
