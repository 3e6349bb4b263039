"""The command line: `tidewaiter --home DIR COMMAND`.

One module for each family of commands; `main` puts them together, `output` prints, `failures` turns every known error
into one sentence and an exit status. Commands read their options, call a service, and print what came of it.
"""
