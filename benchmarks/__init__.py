"""What the mesh costs: ``python -m benchmarks`` measures the processes that users run."""
