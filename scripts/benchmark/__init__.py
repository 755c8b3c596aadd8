"""The rooms of scripts/bench, which import downwards:

    command    what the command line asks for, and the run
    report     tables
    races      a job done by every tool in turns      house      what only a few are asked: starts, threads, latency
    targets    where a job's output goes              answers    whether two tools say the same
    jobs       what each tool is told, by job: orders, numbers, formats, loads
    peers      the other tools: installed, versions, how one is called
    data       files and their sizes
    measure    what a process takes, and turns
    place      where things are, and how the bench speaks
"""
