"""One file for each schema change, in order; never changed once released."""
