"""The paper, figure by figure: Radford, Metz & Chintala (arXiv 1511.06434), each a command with figures to hold it to.

One file an experiment, the same three parts in each: its docstring names the paper's section, figure and number;
`compute(...)` gives a `Result`, numbers and pictures, and writes nothing; `figure(Result)` draws it, as PNG bytes. What
all share is in result.py (what a result says, and where it is left) and plots/sheet.py (rows of pictures with words).
The verbs that call them stand in verbs.py.

Nothing is imported here: what is small should start fast.
"""
