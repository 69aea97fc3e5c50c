"""What a benchmark comes to: figures, ratios, a comparison with an earlier run, plots. Pure."""
