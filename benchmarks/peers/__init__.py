"""Programs that benchmarks compare with, run in environments of their own."""
