"""Make, measure and show identically represented inputs (IRIs) of image networks."""
