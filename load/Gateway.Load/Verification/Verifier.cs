using System.Text;
using Gateway.Load.Carriers;
using Gateway.Load.Payloads;

namespace Gateway.Load.Verification;

/// <summary>Compares each answer with the first that the same payload got, and that one with what the model says of itself.</summary>
/// <remarks><b>Threading</b>: any; the first answer to arrive is the reference. <b>Cost</b>: a comparison of bytes where they are the same; else both are decoded.</remarks>
/// <param name="carrier">Decodes answers.</param>
/// <param name="models">What each payload's model says; null for a plain target, whose bodies must be the same.</param>
/// <param name="tolerance">Of floating-point elements, relative and, times a thousandth, absolute: batches of other sizes add in another order.</param>
/// <param name="mostReferenceBytes">What references may take in all; answers to payloads beyond are checked by type and shape alone.</param>
internal sealed class Verifier(ICarrier carrier, IReadOnlyList<ModelDescription?> models, double tolerance, long mostReferenceBytes = Verifier.MostReferenceBytes)
{
    private const long MostReferenceBytes = 256L << 20;
    private const double AbsoluteShare = 1e-3;

    private readonly Reference?[] _references = new Reference?[models.Count];
    private long _bytes;

    /// <param name="complaint">What is wrong, to be counted.</param>
    /// <param name="isCompared">Whether an earlier answer for the payload was there: else it was checked by type and shape alone, and of a plain target not at all.</param>
    public bool IsRight(int payload, in CallAnswer answer, out CallAnswer complaint, out bool isCompared)
    {
        complaint = default;
        Reference? reference = Volatile.Read(ref _references[payload]);
        isCompared = reference is not null;
        if (reference is not null && answer.Body.SequenceEqual(reference.Body)) return true;
        string? problem = models[payload] is { } model ? Compare(model, reference, answer) : reference is null ? null : "the body differs from the first one";
        if (problem is not null)
        {
            complaint = new CallAnswer { Outcome = CallOutcome.Wrong, Body = Encoding.UTF8.GetBytes($"payload {payload}: {problem}"), RetryAfterMilliseconds = -1 };
            return false;
        }

        if (reference is null && Interlocked.Add(ref _bytes, answer.Body.Length) <= mostReferenceBytes)
        {
            Interlocked.CompareExchange(ref _references[payload], new Reference(answer.Body.ToArray(), answer.BodyHeaderBytes), null);
        }

        return true;
    }

    private string? Compare(ModelDescription model, Reference? reference, in CallAnswer answer)
    {
        try
        {
            IReadOnlyList<TensorPayload> outputs = carrier.Decode(answer.Body, answer.BodyHeaderBytes);
            return AnswerCheck.Shapes(model, outputs) ?? (reference is null ? null : AnswerCheck.Values(carrier.Decode(reference.Body, reference.HeaderBytes), outputs, tolerance, tolerance * AbsoluteShare));
        }
        catch (FormatException exception)
        {
            return exception.Message;
        }
    }

    private sealed record Reference(byte[] Body, int HeaderBytes);
}
