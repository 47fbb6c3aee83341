using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;

namespace Gateway.Server.Overflow;

/// <summary>One request on its way from server to server: where it has been, and how long it has.</summary>
/// <remarks><b>Threading</b>: one at a time.</remarks>
/// <param name="watched">The replicas that it may go to.</param>
/// <param name="now">When it came, in microseconds.</param>
internal sealed class OverflowRun(in ModelKey model, in OverflowQuestion question, ReadOnlyMemory<Replica> watched, long now)
{
    private uint _tried;

    public ModelKey Model { get; } = model;

    public ReadOnlyMemory<Replica> Watched { get; } = watched;

    /// <summary>What is to be decided next.</summary>
    public OverflowQuestion Question { get; private set; } = question;

    /// <summary>When it came, in microseconds.</summary>
    public long Arrival { get; } = now;

    /// <summary>When it is to be answered, in microseconds; <see cref="OverflowQuestion.Never"/> for whenever.</summary>
    public long Due { get; private set; } = question.Remaining == OverflowQuestion.Never ? OverflowQuestion.Never : now + question.Remaining;

    /// <summary>Whether it was refused by this gateway's own admission, or is not served here at all.</summary>
    public bool IsRefusedHere { get; private set; }

    /// <summary>Times that it was sent.</summary>
    public int Sent { get; set; }

    public ref uint Tried => ref _tried;

    /// <summary>Microseconds that are left.</summary>
    public long Remaining(long now) => Due == OverflowQuestion.Never ? OverflowQuestion.Never : Math.Max(0, Due - now);

    /// <summary>This gateway's own admission has refused it.</summary>
    /// <param name="timeoutMicroseconds">The time that the request itself has turned out to give; 0 for none.</param>
    public void RefusedHere(long timeoutMicroseconds)
    {
        IsRefusedHere = true;
        if (timeoutMicroseconds > 0) Due = Math.Min(Due, Arrival + Math.Min(timeoutMicroseconds, OverflowQuestion.Never - Arrival));
        Question = Question with { HasRoom = false };
    }

    /// <summary>It is decided on once more.</summary>
    public void Again(long now, long local, bool hasToken) =>
        Question = Question with { Attempt = Sent, Remaining = Remaining(now), Local = local, HasToken = hasToken };
}
