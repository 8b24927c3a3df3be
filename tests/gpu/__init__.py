"""What a GPU does with the project: ``make test-gpu``.

Tests that any device can take run on the CPU where there is no GPU.
"""
