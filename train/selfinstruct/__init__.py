"""Self-instruct: instruction data that a model writes, from a few tasks that people wrote (Wang et al. 2023).

The procedure is Alpaca's (Taori et al. 2023): three seed tasks are shown, the model goes on with up to twenty, and a
new task is kept where its instruction passes the filters and is not too like any that is there.
"""
