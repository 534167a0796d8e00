"""The engine: everything about a study but what is trained, shown and served."""
