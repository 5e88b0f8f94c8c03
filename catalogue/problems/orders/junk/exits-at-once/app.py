"""Ends as soon as it is started, contentedly."""

if __name__ == "__main__":
    print("all orders are in order")
