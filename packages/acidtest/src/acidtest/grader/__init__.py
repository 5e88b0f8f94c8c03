"""The grader: from somebody's folder to a judged report."""
