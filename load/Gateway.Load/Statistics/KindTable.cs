using System.Text;
using Gateway.Load.Carriers;

namespace Gateway.Load.Statistics;

/// <summary>Counts failures by what they are, without making a string of each.</summary>
/// <remarks>
/// <b>Behaviour</b>: at most <see cref="Most"/> kinds are told apart; what comes after is counted together, refusals apart from what went wrong.
/// <b>Threading</b>: one thread. <b>Cost</b>: no allocation for a kind that was there before.
/// </remarks>
internal sealed class KindTable
{
    private const int Most = 32;
    private const int SampleBytes = 300;

    private readonly List<Entry> _entries = [];
    private Entry? _otherRefusals;
    private Entry? _otherFailures;

    public IReadOnlyList<KindCount> Counts => [.. _entries.Concat(((Entry?[])[_otherRefusals, _otherFailures]).OfType<Entry>()).Select(entry => new KindCount(entry.Name, entry.Outcome == CallOutcome.Refused, entry.Count, entry.Sample))];

    public void Add(in CallAnswer answer)
    {
        foreach (Entry entry in _entries)
        {
            if (entry.Outcome != answer.Outcome || entry.Status != answer.Status || !answer.Reason.SequenceEqual(entry.Reason)) continue;
            entry.Count++;
            return;
        }

        AddSlow(answer);
    }

    private void AddSlow(in CallAnswer answer)
    {
        if (_entries.Count == Most)
        {
            ref Entry? others = ref answer.Outcome == CallOutcome.Refused ? ref _otherRefusals : ref _otherFailures;
            others ??= new Entry { Outcome = answer.Outcome, Status = 0, Reason = [], Name = "others", Sample = Printable(answer.Body) };
            others.Count++;
            return;
        }

        string reason = Printable(answer.Reason);
        string name = answer.Outcome switch
        {
            CallOutcome.Broken => "connection broken",
            CallOutcome.TimedOut => "no answer in time",
            CallOutcome.Expired => "deadline passed in the client",
            CallOutcome.Unsent => "not sent: too many wait",
            CallOutcome.Wrong => "wrong answer",
            _ when answer.Status == 0 => reason.Length > 0 ? reason : "error",
            _ => reason.Length > 0 ? $"{answer.Status} {reason}" : $"{answer.Status}",
        };
        _entries.Add(new Entry { Outcome = answer.Outcome, Status = answer.Status, Reason = answer.Reason.ToArray(), Name = name, Count = 1, Sample = Printable(answer.Body) });
    }

    private static string Printable(ReadOnlySpan<byte> text) =>
        string.Concat(Encoding.UTF8.GetString(text[..Math.Min(text.Length, SampleBytes)]).Select(character => char.IsControl(character) ? ' ' : character));

    private sealed class Entry
    {
        public required CallOutcome Outcome { get; init; }

        public required int Status { get; init; }

        public required byte[] Reason { get; init; }

        public required string Name { get; init; }

        public required string Sample { get; init; }

        public long Count { get; set; }
    }
}
