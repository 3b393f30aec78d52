def test_x(tiny_home):
    print(sorted(p.relative_to(tiny_home) for p in tiny_home.rglob("*.json")))
