"""The engine: runs the collectors side by side and turns their readings into snapshots."""
