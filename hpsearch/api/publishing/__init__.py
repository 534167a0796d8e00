"""What a running study writes besides its record: MLflow, pictures, its page."""
