"""Clocks, sockets and files around the stages: the loop, links, recorder, replay, store."""
