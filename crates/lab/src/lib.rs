//! Network experiments on nodes: tools, jobs, runs, nodes, and the dispatch between them.
