"""What the documents' site adds to Sphinx: one idea a file."""
