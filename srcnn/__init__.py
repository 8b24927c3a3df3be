"""The science of SRCNN and the vocabulary that jobs, runner and analysis share."""
