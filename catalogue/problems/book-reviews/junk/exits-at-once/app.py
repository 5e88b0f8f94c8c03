"""Ends before anybody could ask it something, and says that all went well."""

if __name__ == "__main__":
    print("ready", flush=True)
