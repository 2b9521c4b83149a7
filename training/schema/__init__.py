"""What each stage may be told: a pydantic model a stage, in which unknown keys are errors."""
