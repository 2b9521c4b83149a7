"""From documentation to a checkpoint that the service loads: `docent-train`.

One module a stage, each with `preflight` and `main`; what a stage may be told stands in `training.schema`.
"""
