using System.Globalization;
using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Statistics;

namespace Gateway.UnitTests.Load.Statistics;

public class KindTableTests
{
    [Fact]
    public void Add_MoreKindsThanAreToldApart_KeepsRefusalsAndFailuresApart()
    {
        KindTable kinds = new();

        // The last that is told apart is a refusal; of those after it two thirds are none.
        for (int i = 0; i < 32; i++) Add(kinds, i % 2 == 1 ? CallOutcome.Refused : CallOutcome.Failed, i);
        for (int i = 32; i < 62; i++) Add(kinds, i % 3 == 0 ? CallOutcome.Refused : CallOutcome.Failed, i);
        Add(kinds, CallOutcome.Refused, 31);

        Assert.Equal([("others", true, 10), ("others", false, 20)], kinds.Counts.Skip(32).Select(kind => (kind.Kind, kind.IsRefusal, (int)kind.Count)));
        Assert.Equal(("531 r31", true, 2), (kinds.Counts[31].Kind, kinds.Counts[31].IsRefusal, kinds.Counts[31].Count));
        Assert.Equal(63, kinds.Counts.Sum(kind => kind.Count));
        Assert.Equal("text 33", kinds.Counts[32].Sample);
    }

    private static void Add(KindTable kinds, CallOutcome outcome, int number)
    {
        string text = number.ToString(CultureInfo.InvariantCulture);
        kinds.Add(new CallAnswer { Outcome = outcome, Status = 500 + number, Reason = Encoding.UTF8.GetBytes($"r{text}"), Body = Encoding.UTF8.GetBytes($"text {text}") });
    }
}
