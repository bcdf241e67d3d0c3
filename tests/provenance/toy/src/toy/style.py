BULLET = "* "
