using Gateway.Core.Models;
using Gateway.Server.Overflow.Forwarding;

namespace Gateway.Server.Overflow;

/// <summary>What came of having a request answered elsewhere.</summary>
/// <param name="Answer">Of <see cref="ElsewhereKind.Answered"/>: a replica's whole answer.</param>
/// <param name="ServedBy">Of <see cref="ElsewhereKind.Answered"/>: the replica's address.</param>
/// <param name="Model">Of <see cref="ElsewhereKind.Here"/>: who is to serve it.</param>
/// <param name="RetryAfter">Of <see cref="ElsewhereKind.Refused"/>: when another attempt makes sense.</param>
/// <remarks><b>Ownership</b>: disposing gives the answer's memory back.</remarks>
internal readonly record struct Elsewhere(ElsewhereKind Kind, ForwardedAnswer? Answer = null, string ServedBy = "", ServedModel? Model = null, TimeSpan RetryAfter = default) : IDisposable
{
    public void Dispose() => Answer?.Dispose();
}

/// <summary>See <see cref="Elsewhere"/>.</summary>
internal enum ElsewhereKind
{
    /// <summary>Nobody else is better: it is to be served here.</summary>
    Here,

    Answered,

    /// <summary>Nobody has time for it; <see cref="OverflowRun.Reason"/> and <see cref="OverflowRun.Text"/> say why.</summary>
    Refused,

    /// <summary>Its client has gone.</summary>
    Abandoned,
}
