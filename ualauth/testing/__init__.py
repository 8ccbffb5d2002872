"""What others need to test against ualauth: fakes that behave, instead of mocks.

    attempt         a module's view of a login, and a driver without an event loop
    conversation    a person whose answers are written down beforehand
    scripted_module a module whose answers are
    userlist        a USERLIST in a temporary folder, with hashes that cost nothing
    folder          a configuration folder
    compliance      what every module has to do, as tests to inherit
    case_files      stacks and their verdicts as text; `case_play` runs them

Nothing here is for a server.
"""
