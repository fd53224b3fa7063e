// A folder without sources still gives its library one object.
