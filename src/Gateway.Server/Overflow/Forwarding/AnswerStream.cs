using Gateway.Protocol;
using Gateway.Server.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow.Forwarding;

/// <summary>Takes a replica's answer, up to a limit: collects it, or has it passed on as it comes.</summary>
/// <param name="destination">What is collected.</param>
/// <param name="most">Most bytes.</param>
internal sealed class AnswerStream(TextBuffer destination, long most) : TextBufferStream(destination)
{
    private readonly TextBuffer _destination = destination;
    private PassedAnswer? _passed;
    private HttpResponse? _response;
    private HopTime? _time;
    private string _servedBy = "";
    private long _passedBytes;

    /// <summary>Whether there was more than the limit.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Whether there was no memory for it.</summary>
    public bool HasNoMemory { get; private set; }

    /// <summary>Whether it could not be passed on: whom it is for has gone.</summary>
    public bool HasNoClient { get; private set; }

    /// <summary>Has an answer of events passed on.</summary>
    /// <param name="response">Has its status and headers once it begins.</param>
    /// <param name="servedBy">The replica's address.</param>
    public void PassOn(PassedAnswer passed, HttpResponse response, HopTime time, string servedBy) => (_passed, _response, _time, _servedBy) = (passed, response, time, servedBy);

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        Count(_destination.Length, buffer.Length);
        try
        {
            base.Write(buffer);
        }
        catch (InferenceException error)
        {
            HasNoMemory = true;
            throw new IOException(error.Message, error);
        }
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_passed is { } passed && (passed.HasBegun || Begins(passed))) return PassAsync(passed, buffer, cancellationToken);
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    private bool Begins(PassedAnswer passed)
    {
        if (!PassedAnswer.IsOfEvents(_response!.StatusCode, _response.Headers) || !ReplicaForwarder.IsText(_response.Headers)) return false;
        passed.Begin(_response.StatusCode, _response.Headers, _servedBy);
        return true;
    }

    private async ValueTask PassAsync(PassedAnswer passed, ReadOnlyMemory<byte> piece, CancellationToken cancellation)
    {
        Count(_passedBytes, piece.Length);
        _passedBytes += piece.Length;
        _time!.AwaitClient();
        try
        {
            await passed.WriteAsync(piece, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            HasNoClient = true;
            throw;
        }

        _time.AwaitNext();
    }

    private void Count(long before, int bytes)
    {
        if (before + bytes <= most) return;
        IsTooLong = true;
        throw new IOException($"The answer has more than {most} bytes.");
    }
}
