"""Pictures: made harmless in a process of their own (`worker`, `workshop`), added to drafts, found by likeness."""
