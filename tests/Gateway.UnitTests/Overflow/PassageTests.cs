using Gateway.Server.Overflow;
using Microsoft.AspNetCore.Http;

namespace Gateway.UnitTests.Overflow;

public sealed class PassageTests
{
    [Fact]
    public void Mark_IsOfTheProcessTheKindAndTheName()
    {
        Passage one = new();
        Passage other = new();

        string[] marks = [one.MarkOfRoute("a"), one.MarkOfRoute("b"), one.MarkOfModel("a"), other.MarkOfRoute("a")];

        Assert.Equal(4, marks.Distinct().Count());
        Assert.All(marks, mark => Assert.Matches("^[0-9a-f]{24}$", mark));
        Assert.Equal(marks[0], one.MarkOfRoute("a"));
    }

    [Fact]
    public void HasPassed_OwnMarkAmongOthers_AndNoOthers()
    {
        Passage passage = new();
        string mine = passage.MarkOfRoute("r");
        string others = Passage.Join(Passage.Join(null, new Passage().MarkOfRoute("r")), new Passage().MarkOfRoute("r"));

        Assert.False(Passage.HasPassed(null, mine));
        Assert.False(Passage.HasPassed(others, mine));
        Assert.True(Passage.HasPassed(Passage.Join(others, mine), mine));
        Assert.True(Passage.HasPassed(Passage.Join(mine, others), mine));
    }

    [Fact]
    public void HasPassed_MoreThanCanBeMeant_WhoeverTheyAre()
    {
        string? marks = null;
        int joined = 0;
        for (; !Passage.HasPassed(marks, "mine"); joined++) marks = Passage.Join(marks, new Passage().MarkOfRoute("r"));

        Assert.InRange(joined, 32, 64);
    }

    [Fact]
    public void JoinAll_RequestsThatGoOnAsOne_HasEachMarkOnce()
    {
        string[] marks = [.. Enumerable.Range(0, 3).Select(_ => new Passage().MarkOfRoute("r"))];
        string mine = new Passage().MarkOfModel("m");

        Assert.Equal($"{marks[0]},{marks[1]},{marks[2]},{mine}", Passage.JoinAll([$"{marks[0]},{marks[1]}", $"{marks[1]}, {marks[2]}", "", marks[0], mine], mine));
    }

    [Fact]
    public void JoinAll_WhatIsNoMark_IsLeftOut()
    {
        string mine = new Passage().MarkOfModel("m");

        Assert.Equal(mine, Passage.JoinAll(["a", new string('x', 24), new string('A', 24), new string('a', 25), new string('0', 100_000)], mine));
    }

    [Fact]
    public void JoinAll_EndlessMarks_AreBounded_AndOwnIsAmongThem()
    {
        string mine = new Passage().MarkOfModel("m");

        string all = Passage.JoinAll(Enumerable.Range(0, 1000).Select(i => i.ToString("x24", System.Globalization.CultureInfo.InvariantCulture)), mine);

        Assert.InRange(all.Length, Passage.MostCharacters - 50, Passage.MostCharacters);
        Assert.EndsWith(mine, all, StringComparison.Ordinal);
        Assert.False(Passage.HasPassed(all, new Passage().MarkOfModel("m")));
    }

    [Fact]
    public void Of_HeadersOfAllKinds_AreMarksOrNone()
    {
        Assert.Null(Passage.Of(new HeaderDictionary()));
        Assert.Equal("a,b", Passage.Of(new HeaderDictionary { [Passage.HeaderName] = new(["a", "b"]) }));
    }
}
