"""One objective a file; its name is what a variant's ``perturbation`` says, the arguments of ``make`` are its knobs."""
