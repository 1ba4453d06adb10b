"""The parts of the result; ``run(lab, pace)`` of each module returns a ``Section``."""
