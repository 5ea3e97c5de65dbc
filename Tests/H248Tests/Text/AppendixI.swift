/// The messages of RFC 3525 Appendix I in the order in which they stand there.
enum AppendixI {
    /// Brought into the grammar of Annex B.2 where the examples, which are informative, leave it: event parameters stand in braces, not in parentheses
    /// (steps 3, 6, 8, 10, 14, 17, 21), and no comma follows the last item (step 3).
    static let wellFormed: [String] = [
        #"""
        MEGACO/1 [124.124.124.222] Transaction = 9998 {
               Context = - {
                   ServiceChange = ROOT {Services {
                       Method=Restart,
                       ServiceChangeAddress=55555, Profile=ResGW/1}
                   }
               } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Reply = 9998 {
              Context = - {ServiceChange = ROOT {
                Services {ServiceChangeAddress=55555, Profile=ResGW/1} } } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 9999 {
               Context = - {
                   Modify = A4444 {
                       Media { Stream = 1 {
                                LocalControl {
                                    Mode = SendReceive,
                                    tdmc/gain=2,  ; in dB,
                                    tdmc/ec=on
                                }
                            }
                       },
                       Events = 2222 {al/of{strict=state}}
                   }
               } }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555
           Reply = 9999 {
              Context = - {Modify = A4444} }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Transaction = 10000 {
              Context = - {
                  Notify = A4444 {ObservedEvents =2222 {
                    19990729T22000000:al/of{init=false}}}
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Reply = 10000 {
               Context = - {Notify = A4444} }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 10001 {
               Context = - {
                   Modify = A4444 {
                       Events = 2223 {
                           al/on{strict=state}, dd/ce {DigitMap=Dialplan0}
                       },
                       Signals {cg/dt},
                       DigitMap= Dialplan0{ (0| 00|[1-
           7]xxx|8xxxxxxx|Fxxxxxxx|Exx|91xxxxxxxxxx|9011x.)}
                   }
               } }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Reply = 10001 {
               Context = - {Modify = A4444} }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Transaction = 10002 {
              Context = - {
                  Notify = A4444 {ObservedEvents =2223 {
                    19990729T22010001:dd/ce{ds="916135551212",Meth=UM}}}
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Reply = 10002 {
               Context = - {Notify = A4444} }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 10003 {
               Context = $ {
                  Add = A4444,
                  Add = $ {
                      Media {
                        Stream = 1 {
                             LocalControl {
                                 Mode = ReceiveOnly,
                                 nt/jit=40 ; in ms
                             },
                             Local { v=0 c=IN IP4 $ m=audio $ RTP/AVP 4
           a=ptime:30 v=0 c=IN IP4 $ m=audio $ RTP/AVP 0
                             }
                        }
                     }
                  }
               } }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Reply = 10003 {
              Context = 2000 {
                 Add = A4444,
                 Add=A4445{
                    Media {
                        Stream = 1 {
                            Local { v=0 o=- 2890844526 2890842807 IN IP4
           124.124.124.222 s=- t= 0 0 c=IN IP4 124.124.124.222 m=audio 2222
           RTP/AVP 4 a=ptime:30 a=recvonly
                            } ; RTP profile for G.723.1 is 4
                        }
                    }
                 }
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 50003 {
               Context = $ {
                  Add = A5555  { Media {
                       Stream = 1 {
                            LocalControl {Mode = SendReceive} }},
                 Events=1234{al/of{strict=state}},
                       Signals {al/ri}
                       },
                  Add  = $ {Media {
                       Stream = 1 {
                            LocalControl {
                               Mode = SendReceive,
                               nt/jit=40 ; in ms
                            },
                            Local { v=0 c=IN IP4 $ m=audio $ RTP/AVP 4
           a=ptime:30
                            },
                            Remote { v=0 c=IN IP4 124.124.124.222 m=audio 2222
           RTP/AVP 4 a=ptime:30
                            } ; RTP profile for G.723.1 is 4
                        }
                     }
                 }
              } }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Reply = 50003 {
              Context = 5000 {
              Add = A5555,
                 Add = A5556{
                    Media {
                       Stream = 1 {
                           Local { v=0 o=- 7736844526 7736842807 IN IP4
           125.125.125.111 s=- t= 0 0 c=IN IP4 125.125.125.111 m=audio 1111
           RTP/AVP 4 }
                       } ; RTP profile for G723.1 is 4
                    }
                  }
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 10005 {
             Context = 2000 {
               Modify = A4444 {
                 Signals {cg/rt}
               },
               Modify = A4445 {
                  Media {
                       Stream = 1 {
                           Remote { v=0 o=- 7736844526 7736842807 IN IP4
           125.125.125.111 s=- t= 0 0 c=IN IP4 125.125.125.111 m=audio 1111
           RTP/AVP 4
                           }
                       } ; RTP profile for G723.1 is 4
                   }
               }
             } }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Reply = 10005 {
              Context = 2000 {Modify = A4444, Modify = A4445} }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Transaction = 50005 {
              Context = 5000 {
                  Notify = A5555 {ObservedEvents =1234 {
                    19990729T22020002:al/of{init=false}}}
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Reply = 50005 {
               Context = - {Notify = A5555} }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 50006 {
              Context = 5000 {
                 Modify = A5555 {
                    Events = 1235 {al/on{strict=state}},
                    Signals { } ; to turn off ringing
                 }
              } }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Reply = 50006 {
            Context = 5000 {Modify = A4445} }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 10006 {
              Context = 2000 {
                 Modify = A4445 {
                    Media {
                       Stream = 1 {
                          LocalControl {
                             Mode=SendReceive
                          }
                       }
                    }
                 },
                 Modify = A4444 {
                    Signals { }
                 }
              } }
        """#,
        #"""
        MEGACO/1 [124.124.124.222]:55555 Reply = 10006 {
              Context = 2000 {Modify = A4445, Modify = A4444}}
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 50007 {
              Context = - {AuditValue = A5556{
                 Audit{Media, DigitMap, Events, Signals, Packages, Statistics }}
              } }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Reply = 50007 {
              Context = - { AuditValue = A5556 {
                     Media {
                        TerminationState { ServiceStates = InService,
                    Buffer = OFF },
                  Stream = 1 {
                            LocalControl { Mode = SendReceive,
                               nt/jit=40 },
                            Local { v=0 o=- 7736844526 7736842807 IN IP4
           125.125.125.111 s=- t= 0 0 c=IN IP4 125.125.125.111 m=audio 1111
           RTP/AVP  4 a=ptime:30
                           },
                            Remote { v=0 o=- 2890844526 2890842807 IN IP4
           124.124.124.222 s=- t= 0 0 c=IN IP4 124.124.124.222 m=audio 2222
           RTP/AVP  4 a=ptime:30
                            } } },
                      Events,
                   Signals,
                   DigitMap,
                  Packages {nt-1, rtp-1},
                     Statistics { rtp/ps=1200,  ; packets sent
                                  nt/os=62300, ; octets sent
                                  rtp/pr=700, ; packets received
                                  nt/or=45100, ; octets received
                                  rtp/pl=0.2,  ; % packet loss
                                  rtp/jit=20,
                                  rtp/delay=40 } ; avg latency
                  }
               } }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Transaction = 50008 {
              Context = 5000 {
                  Notify = A5555 {ObservedEvents =1235 {
                     19990729T24020002:al/on{init=false}}
                  }
              } }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Reply = 50008 {
               Context = - {Notify = A5555} }
        """#,
        #"""
        MEGACO/1 [123.123.123.4]:55555 Transaction = 50009 {
              Context = 5000 {
                 Subtract = A5555 {Audit{Statistics}},
                 Subtract = A5556 {Audit{Statistics}}
              } }
        """#,
        #"""
        MEGACO/1 [125.125.125.111]:55555 Reply = 50009 {
              Context = 5000 {
                Subtract = A5555 {
                     Statistics {
                        nt/os=45123, ; Octets Sent
                        nt/dur=40 ; in seconds
                        }
                  },
                  Subtract = A5556 {
                     Statistics {
                        rtp/ps=1245, ; packets sent
                        nt/os=62345, ; octets sent
                        rtp/pr=780, ; packets received
                        nt/or=45123, ; octets received
                        rtp/pl=10, ;  % packets lost
                        rtp/jit=27,
                        rtp/delay=48 ; average latency
                     }
                  }
              } }
        """#,
    ]

    /// As printed, and where each leaves the grammar.
    static let asPrinted: [(text: String, line: Int)] = [
        (
            #"""
            MEGACO/1 [123.123.123.4]:55555 Transaction = 9999 {
                   Context = - {
                       Modify = A4444 {
                           Media { Stream = 1 {
                                    LocalControl {
                                        Mode = SendReceive,
                                        tdmc/gain=2,  ; in dB,
                                        tdmc/ec=on
                                    },
                                }
                           },
                           Events = 2222 {al/of(strict=state)}
                       }
                   } }
            """#,
            10
        ),
        (
            #"""
            MEGACO/1 [124.124.124.222]:55555 Transaction = 10000 {
                  Context = - {
                      Notify = A4444 {ObservedEvents =2222 {
                        19990729T22000000:al/of(init=false)}}
                  } }
            """#,
            4
        ),
        (
            #"""
            MEGACO/1 [123.123.123.4]:55555 Transaction = 10001 {
                   Context = - {
                       Modify = A4444 {
                           Events = 2223 {
                               al/on(strict=state), dd/ce {DigitMap=Dialplan0}
                           },
                           Signals {cg/dt},
                           DigitMap= Dialplan0{ (0| 00|[1-
               7]xxx|8xxxxxxx|Fxxxxxxx|Exx|91xxxxxxxxxx|9011x.)}
                       }
                   } }
            """#,
            5
        ),
        (
            #"""
            MEGACO/1 [123.123.123.4]:55555 Transaction = 50003 {
                   Context = $ {
                      Add = A5555  { Media {
                           Stream = 1 {
                                LocalControl {Mode = SendReceive} }},
                     Events=1234{al/of(strict=state)},
                           Signals {al/ri}
                           },
                      Add  = $ {Media {
                           Stream = 1 {
                                LocalControl {
                                   Mode = SendReceive,
                                   nt/jit=40 ; in ms
                                },
                                Local { v=0 c=IN IP4 $ m=audio $ RTP/AVP 4
               a=ptime:30
                                },
                                Remote { v=0 c=IN IP4 124.124.124.222 m=audio 2222
               RTP/AVP 4 a=ptime:30
                                } ; RTP profile for G.723.1 is 4
                            }
                         }
                     }
                  } }
            """#,
            6
        ),
        (
            #"""
            MEGACO/1 [125.125.125.111]:55555 Transaction = 50005 {
                  Context = 5000 {
                      Notify = A5555 {ObservedEvents =1234 {
                        19990729T22020002:al/of(init=false)}}
                  } }
            """#,
            4
        ),
        (
            #"""
            MEGACO/1 [123.123.123.4]:55555 Transaction = 50006 {
                  Context = 5000 {
                     Modify = A5555 {
                        Events = 1235 {al/on(strict=state)},
                        Signals { } ; to turn off ringing
                     }
                  } }
            """#,
            4
        ),
        (
            #"""
            MEGACO/1 [125.125.125.111]:55555 Transaction = 50008 {
                  Context = 5000 {
                      Notify = A5555 {ObservedEvents =1235 {
                         19990729T24020002:al/on(init=false)}
                      }
                  } }
            """#,
            4
        ),
    ]
}
