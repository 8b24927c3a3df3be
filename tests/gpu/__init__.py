"""What a GPU does with the project: ``make test-gpu``. Each test that any device can take runs on the CPU, too."""
