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
    public void JoinAll_RequestsThatGoOnAsOne_HasEachMarkOnce() => Assert.Equal("a,b,c,mine", Passage.JoinAll(["a,b", "b, c", "", "a"], "mine"));

    [Fact]
    public void Of_HeadersOfAllKinds_AreMarksOrNone()
    {
        Assert.Null(Passage.Of(new HeaderDictionary()));
        Assert.Equal("a,b", Passage.Of(new HeaderDictionary { [Passage.HeaderName] = new(["a", "b"]) }));
    }
}
