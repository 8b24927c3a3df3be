"""Stages: what turns the science into files, one stage a module."""
