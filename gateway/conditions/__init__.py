"""What conditions are written in: their model, views of snapshots, and matchers. Pure."""
