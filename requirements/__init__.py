"""The pinned requirements, and programs that read them."""
