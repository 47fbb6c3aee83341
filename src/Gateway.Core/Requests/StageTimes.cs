namespace Gateway.Core.Requests;

/// <summary>When a request passed each stage: timestamps of the server's <see cref="TimeProvider"/>, 0 for a stage it did not reach.</summary>
public struct StageTimes
{
    /// <summary>Ticks for which it had lain unread before it was read; 0 where that is not known.</summary>
    public long Unread;

    /// <summary>Accepted into the queue.</summary>
    public long Queued;

    /// <summary>The instance that runs it was free and it was there: from here its batch was being formed. With nothing to wait for, an instance's waking up.</summary>
    public long BatchOpened;

    /// <summary>Its (last) batch was closed and its gathering began.</summary>
    public long GatherStart;

    /// <summary>Its rows lie in the batch and began their way to a device; 0 where there is none.</summary>
    public long UploadStart;

    /// <summary>Its rows lie in the batch; the model's run began.</summary>
    public long RunStart;

    /// <summary>The model's run ended; scattering began.</summary>
    public long RunEnd;

    /// <summary>The outputs were back from a device; 0 where there is none.</summary>
    public long DownloadEnd;

    /// <summary>Answered.</summary>
    public long Released;

    /// <summary>Rows of the batch it was run in, all requests together.</summary>
    public int BatchRows;

    /// <summary>It was answered without a batch of its own.</summary>
    internal void SetAnsweredAside(long now) => BatchOpened = GatherStart = RunStart = RunEnd = Released = now;
}
