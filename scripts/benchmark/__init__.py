"""The rooms of scripts/bench, which import downwards:

    command    what the command line asks for, and the run
    races      a job done by every tool in turns      house      what only we are asked: threads, latency, ...
    report     tables                                 answers    whether two tools say the same
    jobs       what each tool is told, by job: orders, numbers, formats, loads
    peers      the other tools: installed, versions, how one is called
    data       files and their sizes
    measure    what a process takes
    place      where things are, and how the bench speaks
"""
