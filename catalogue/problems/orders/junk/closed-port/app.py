"""Runs and never listens."""

import signal

if __name__ == "__main__":
    print("listening", flush=True)
    while True:
        signal.pause()
