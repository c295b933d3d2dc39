"""The collection engine: runs collectors side by side and publishes snapshots."""
