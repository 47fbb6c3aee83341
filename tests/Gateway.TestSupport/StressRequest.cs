using System.Runtime.InteropServices;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.TestSupport;

/// <summary>A request of a stress run: it knows its numbers, and whether the answer may be what it is.</summary>
/// <remarks><b>Threading</b>: one thread sends it; <see cref="Cancel"/> may be called by any at any time.</remarks>
internal sealed class StressRequest(InferenceRequest request, long[] numbers, int width, StressTally tally)
{
    private readonly Lock _lock = new();
    private bool _isCancelled;
    private bool _isOver;

    public void Cancel()
    {
        lock (_lock)
        {
            // The request is not the canceller's any more once it has been answered.
            if (_isOver) return;
            _isCancelled = true;
            request.Cancel();
        }
    }

    public async Task SendAsync()
    {
        await request.Model.InferAsync(request).ConfigureAwait(false);
        bool wasCancelled;
        lock (_lock)
        {
            _isOver = true;
            wasCancelled = _isCancelled;
        }

        Check(wasCancelled);
        request.Dispose();
    }

    private void Check(bool wasCancelled)
    {
        bool isPoisoned = numbers.Any(number => (number & NumberModel.Poison) != 0);
        switch (request.Status)
        {
            case StatusCode.Ok when isPoisoned:
                tally.Violate("a poisoned request succeeded");
                break;
            case StatusCode.Ok:
                CheckRows();
                break;
            case StatusCode.Cancelled when !wasCancelled:
                tally.Violate("a request that nobody cancelled was cancelled");
                break;
            case StatusCode.Internal when request.Error == "poison" && !isPoisoned:
                tally.CountCollateral();
                break;
            case StatusCode.Internal when request.Error is not ("poison" or "terminated"):
                tally.Violate($"a request failed: {request.Error}");
                break;
            default:
                break;
        }

        tally.CountAnswered(request.Outcome, numbers.Length / width);
    }

    private void CheckRows()
    {
        OutputTensor output = request.Outputs[0];
        ReadOnlySpan<long> answers = MemoryMarshal.Cast<byte, long>(output.Bytes);
        if (!output.Shape.Dims.SequenceEqual([numbers.Length / width, width]) || answers.Length != numbers.Length)
        {
            tally.Violate($"an answer has shape {output.Shape} for {numbers.Length / width} rows of {width}");
            return;
        }

        for (int i = 0; i < numbers.Length; i++)
        {
            if (answers[i] == NumberModel.Answer(numbers[i])) continue;
            tally.Violate($"row {i / width} of number {numbers[i]:x} has another row's answer");
            return;
        }
    }
}
