using System.Buffers.Text;
using Gateway.Core.Overflow.Reports;
using Gateway.TestSupport.Simulation.Fleets;

namespace Gateway.UnitTests.Overflow.Reports;

public sealed class LoadReportTests
{
    private static readonly LoadReport Some = new(ReplicaState.Serving, 0x01020304, 0x0506, 0x0708090A, 0x0B0C0D0E, 0x0F10, 0x1112, 0x1314 * 16);

    private readonly SeededRandom _random = new(6);

    [Fact]
    public void Write_AllFields_LittleEndianInTheirPlaces()
    {
        byte[] bytes = new byte[LoadReport.Bytes];
        Some.Write(bytes);

        Assert.Equal("1100040302010605" + "0A0908070E0D0C0B" + "100F121114130000", Convert.ToHexString(bytes));
    }

    [Fact]
    public void ToHeader_IsBase64UrlOfTheBytes()
    {
        byte[] bytes = new byte[LoadReport.Bytes];
        Some.Write(bytes);

        Assert.Equal(Base64Url.EncodeToString(bytes), Some.ToHeader());
        Assert.Equal(LoadReport.HeaderLength, Some.ToHeader().Length);
    }

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        byte[] bytes = new byte[LoadReport.Bytes];
        for (int i = 0; i < 10_000; i++)
        {
            LoadReport report = Any();
            report.Write(bytes);

            Assert.Equal(report, LoadReport.Read(bytes));
            Assert.Equal(report, LoadReport.ParseHeader(report.ToHeader()));
        }
    }

    [Theory]
    [InlineData(int.MaxValue, 1_048_560)]
    [InlineData(17, 16)]
    [InlineData(0, 0)]
    [InlineData(-100, 0)]
    public void Write_AnyRate_IsCutToWhatFits(int rate, int expected)
    {
        byte[] bytes = new byte[LoadReport.Bytes];
        (Some with { RowsPerSecond = rate }).Write(bytes);

        Assert.Equal(expected, LoadReport.Read(bytes)!.RowsPerSecond);
    }

    [Fact]
    public void Read_AnyBytes_IsAReportOrNull()
    {
        int reports = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] bytes = new byte[_random.NextBelow(60)];
            for (int j = 0; j < bytes.Length; j++) bytes[j] = (byte)_random.Next();
            if (bytes.Length > 0 && i % 2 == 0) bytes[0] = 0x11;

            LoadReport? report = LoadReport.Read(bytes);

            bool isReport = bytes.Length >= LoadReport.Bytes && bytes[0] is >= 0x10 and <= 0x12;
            Assert.Equal(isReport, report is not null);
            if (report is null) continue;
            reports++;
            byte[] again = new byte[LoadReport.Bytes];
            report.Write(again);
            Assert.Equal((bytes[0], 0), (again[0], again[1]));
            Assert.Equal(bytes[2..22], again[2..22]);
        }

        Assert.True(reports > 1000);
    }

    [Fact]
    public void ParseHeader_AnyText_IsAReportOrNull()
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \t\r\n\0\u00e4\ud83d,;\"";
        for (int i = 0; i < 50_000; i++)
        {
            char[] text = i % 3 == 0 ? new char[_random.NextBelow(50)] : new char[LoadReport.HeaderLength];
            for (int j = 0; j < text.Length; j++) text[j] = Alphabet[_random.NextBelow(i % 2 == 0 ? 64 : Alphabet.Length)];
            if (text.Length > 0 && i % 4 == 0) text[0] = 'E';

            LoadReport? report = LoadReport.ParseHeader(text);

            if (report is not null) Assert.Equal(LoadReport.HeaderLength, text.Length);
        }
    }

    [Fact]
    public void ParseHeader_EachCharacterSpoilt_NeverThrows()
    {
        string header = Some.ToHeader();
        for (int place = 0; place < header.Length; place++)
        {
            foreach (char spoilt in "=+/ \n\0\uffff")
            {
                char[] text = header.ToCharArray();
                text[place] = spoilt;

                Assert.Null(LoadReport.ParseHeader(text));
            }
        }
    }

    [Fact]
    public void Read_StateThatIsNone_IsNoReport()
    {
        byte[] bytes = new byte[LoadReport.Bytes];
        for (int state = 0; state < 16; state++)
        {
            Some.Write(bytes);
            bytes[0] = (byte)(0x10 | state);

            Assert.Equal(state <= (int)ReplicaState.Draining, LoadReport.Read(bytes) is not null);
        }
    }

    [Theory]
    [InlineData(5u, 4u, true)]
    [InlineData(4u, 4u, false)]
    [InlineData(3u, 4u, false)]
    [InlineData(1u, uint.MaxValue, true)]
    [InlineData(uint.MaxValue, 1u, false)]
    public void IsNewerThan_OfTheSameBoot_BySequenceThatWraps(uint sequence, uint before, bool expected) =>
        Assert.Equal(expected, (Some with { Sequence = sequence }).IsNewerThan(Some with { Sequence = before }));

    [Fact]
    public void IsNewerThan_OfAnotherBoot_Always() => Assert.True((Some with { Sequence = 0, Boot = 1 }).IsNewerThan(Some));

    private LoadReport Any() => new(
        (ReplicaState)_random.NextBelow(3), (uint)_random.Next(), (ushort)_random.Next(), (uint)_random.Next(), (uint)_random.Next(),
        (ushort)_random.Next(), (ushort)_random.Next(), 16 * (ushort)_random.Next());
}
