"""Random programs of the language, run by Python and by everything that compiles them; they must agree.

kinds        the types of the generated programs
scopes       which variables a generated statement may use
expressions  well-typed expressions of a kind, as text
tensors      those of tensors
statements   statements and control flow
programs     whole programs: functions or a module, and arguments   (the hypothesis strategy)
running      one run and all that can be seen of it; runners; `check(program, runners)`
mutations    valid programs made wrong
campaign     thousands of programs with a progress bar: `make fuzz`
"""
