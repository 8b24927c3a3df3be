"""The stages of a study, which turn the science into files, and the commands that need no study.

A stage is a light dataclass, which whoever plans loads, and its work, which a task loads: ``prepare`` and ``cutting``,
``baseline`` and ``interpolating``, ``train`` and ``training``, ``render`` and ``rendering``, ``evaluate`` and
``evaluating``, ``report`` and ``analysis.build``.
"""
