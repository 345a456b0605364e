"""What links objects, and what they say of apps and servers: what rules ask, and no rule itself."""
