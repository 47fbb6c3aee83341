using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Affinity;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;

namespace Gateway.Server.Overflow;

/// <summary>One request on its way from server to server: where it has been, and how long it has.</summary>
/// <remarks><b>Threading</b>: one at a time.</remarks>
/// <param name="watched">The replicas that it may go to.</param>
/// <param name="now">In microseconds.</param>
/// <param name="arrival">When it came, in microseconds; not after now.</param>
/// <param name="transport">What it goes there over.</param>
internal sealed class OverflowRun(in ModelKey model, in OverflowQuestion question, ReadOnlyMemory<Replica> watched, long now, long arrival, ReplicaTransport transport)
{
    private uint _tried;
    private bool _looksHere;

    public ModelKey Model { get; } = model;

    public ReadOnlyMemory<Replica> Watched { get; } = watched;

    public ReplicaTransport Transport { get; } = transport;

    /// <summary>What is to be decided next.</summary>
    public OverflowQuestion Question { get; private set; } = question;

    /// <summary>When it came, in microseconds: its time counts from then, wherever it has been.</summary>
    public long Arrival { get; } = arrival;

    /// <summary>When the question was asked, in microseconds.</summary>
    public long Asked { get; } = now;

    /// <summary>When it is to be answered, in microseconds; <see cref="OverflowQuestion.Never"/> for whenever.</summary>
    public long Due { get; private set; } = question.Remaining == OverflowQuestion.Never ? OverflowQuestion.Never : now + question.Remaining;

    /// <summary>Whose it is, and has let it in; null where requests have no tenants. It leaves by whoever has the request.</summary>
    public Tenant? Tenant { get; set; }

    /// <summary>Its rows along the batch dimension, where they are known; 0 before.</summary>
    public int Rows { get; set; }

    /// <summary>Whether it was refused by this gateway's own admission, or is not served here at all.</summary>
    public bool IsRefusedHere { get; private set; }

    /// <summary>What the client is told if nobody answers it, as on the wire: why it was refused here, or that it is not served here.</summary>
    public string Reason { get; private set; } = OverflowDispatch.Busy;

    /// <summary>Why this gateway's own admission has refused it; None where it has not.</summary>
    public RefusalReason RefusalReason { get; private set; }

    /// <summary>The same as <see cref="Reason"/> in words.</summary>
    public string Text
    {
        get => field ??= $"Request was refused: no replica that serves model '{Model.Name}' can answer it in time";
        private set;
    }

    /// <summary>When another attempt here makes sense; null where nothing is known about that.</summary>
    public TimeSpan? RetryHere { get; private set; }

    /// <summary>Of a model whose answers are kept by one gateway each: the ring of these; null for others.</summary>
    public HashRing? Ring { get; init; }

    /// <summary>Whether the cache here may have its answer.</summary>
    public bool HasCache { get; init; }

    /// <summary>Once the cache here has not had its answer: its place on the ring, or 0 without one.</summary>
    public ulong? Place { get; private set; }

    /// <summary>Whether it is to be looked for in the cache here before it is sent anywhere. Who serves it here has looked, too.</summary>
    public bool HasToLookHere => HasCache && Ring is null && Place is null && !IsRefusedHere && Sent == 0;

    /// <summary>Whether it is first looked for in the cache here, and goes elsewhere where that has not got it: to whoever keeps its answer, if each is kept by one.</summary>
    public bool LooksHereFirst => (Ring is not null || _looksHere) && Place is null && !IsRefusedHere;

    /// <summary>Times that it was sent.</summary>
    public int Sent { get; set; }

    public ref uint Tried => ref _tried;

    /// <summary>Microseconds that are left.</summary>
    public long Remaining(long now) => Due == OverflowQuestion.Never ? OverflowQuestion.Never : Math.Max(0, Due - now);

    /// <summary>This gateway's own admission has refused it.</summary>
    /// <param name="timeoutMicroseconds">The time from its arrival that the request itself has turned out to give; 0 for none.</param>
    public void RefusedHere(RefusalReason reason, string text, TimeSpan? retryHere, long timeoutMicroseconds)
    {
        IsRefusedHere = true;
        (RefusalReason, Reason, Text, RetryHere) = (reason, reason.WireName() ?? Reason, text, retryHere);
        if (timeoutMicroseconds > 0) Due = Math.Min(Due, Arrival + Math.Min(timeoutMicroseconds, OverflowQuestion.Never - Arrival));
        Question = Question with { HasRoom = false };
    }

    /// <summary>It would be sent elsewhere, and is looked for in the cache here first.</summary>
    public void LookHereFirst() => _looksHere = true;

    /// <summary>The cache here has not got its answer.</summary>
    public void SentAway(ulong place) => Place = place;

    /// <summary>It was refused here, or the cache here has not got its answer.</summary>
    public void NotServedHere(InferenceRequest request)
    {
        Rows = request.Rows;
        if (request.Place is { } place) SentAway(place);
        else RefusedHere(request.Refusal.Reason, request.Error ?? "", request.RetryAfter, request.TimeoutMicroseconds);
    }

    /// <summary>It is decided on once more.</summary>
    public void Again(long now, long local, bool hasToken) =>
        Question = Question with { Attempt = Sent, Remaining = Remaining(now), Local = local, HasToken = hasToken };
}
